//! Pieces of a page: text that means itself, tables, and the one style sheet. Nothing here is fetched from anywhere.

use super::speech::visible;

/// Text of anybody as text of a page: markup and controls mean nothing in it, and it is cut at 2,000 characters.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text, 2000).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// A page around its body. Browsers are told that nothing may be loaded and no script may run.
pub(super) fn whole(title: &str, body: &str) -> String {
    format!(
        "{MARK}\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

/// How each page of ours begins.
pub const MARK: &str = "<!doctype html><!-- a report of bulkhaul -->";

const STYLE: &str = "
:root { color-scheme: light dark;
  --ground: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --faint: #626870; --rule: #e2e4e7;
  --a: #0b6bcb; --b: #8a5200; --good: #1a7f4b; --bad: #c0322b; --doubt: #96690a; --rest: #c3c8ce; --wait: #f3e2b8; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #15171a; --card: #1d2024; --ink: #e7e9ec; --faint: #9aa2ab; --rule: #32363c;
  --a: #63b0ff; --b: #e8a45c; --good: #4fc38a; --bad: #ff7b72; --doubt: #e3b341; --rest: #4a5058; --wait: #4a3d1c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 880px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 4px; }
h2 { font-size: 16px; margin: 32px 0 10px; }
p { margin: 6px 0; } .faint { color: var(--faint); }
.state { display: inline-block; padding: 1px 10px; border-radius: 12px; border: 1px solid; font-size: 13px; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubt { color: var(--doubt); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(104px, 1fr)); gap: 10px; margin: 18px 0 0; }
.tile, figure, .card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 20px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--faint); font-size: 13px; }
figure { margin: 0 0 12px; } figcaption { font-size: 13px; margin-bottom: 4px; }
figcaption strong { margin-right: 12px; } figcaption .key { margin-right: 12px; color: var(--faint); white-space: nowrap; }
figcaption i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
.plot { position: relative; margin: 8px 0 0 54px; } .plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot span { position: absolute; right: 100%; padding-right: 6px; transform: translateY(-50%); white-space: nowrap; }
.plot span, .times { color: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
.times { display: flex; justify-content: space-between; margin: 6px 0 0 54px; }
.grid, .mark, .line { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--rule); stroke-width: 1; } .mark { stroke: var(--faint); stroke-dasharray: 3 3; }
.line { stroke-width: 1.6; stroke-linejoin: round; } .ground { opacity: .16; stroke: none; }
.wait { fill: var(--wait); }
.a.line { stroke: var(--a); } .a.fill, .a.ground { fill: var(--a); }
.b.line { stroke: var(--b); } .b.fill, .b.ground { fill: var(--b); }
.c.line { stroke: var(--bad); } .c.fill { fill: var(--bad); }
i.a { background: var(--a); } i.b { background: var(--b); } i.c { background: var(--bad); } i.w { background: var(--wait); }
.books { display: flex; height: 14px; border-radius: 7px; overflow: hidden; background: var(--rest); margin: 2px 0 10px; }
.books div { min-width: 2px; } .d { background: var(--good); } .r { background: var(--bad); } .u { background: var(--a); }
.q { background: var(--doubt); } .p { background: var(--rest); }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: 5px 10px 5px 0; }
th { width: 1%; font-weight: 500; color: var(--faint); white-space: nowrap; } th:last-child { width: auto; } tr + tr { border-top: 1px solid var(--rule); }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: 13px/1.45 ui-monospace, 'DejaVu Sans Mono', monospace; } pre { margin: 4px 0; white-space: pre-wrap; }
details { margin-top: 2px; } summary { cursor: pointer; color: var(--faint); }
@media (max-width: 560px) { .wide { display: none; } h1 { font-size: 19px; } }
";
