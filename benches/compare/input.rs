//! Inputs that are made, not kept: always the same rows, with quotes, doubled quotes and letters beyond ASCII.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const CITIES: [&str; 8] = ["Zürich", "Lyon", "Malmö", "São Paulo", "Kraków", "Oslo", "Reykjavík", "Łódź"];
const NOTES: [&str; 5] = [
    "called twice, left a message",
    "prefers mail",
    "says \"no\" to offers, yes to news",
    "moved in spring; the new address is with the bank",
    "naïve café owner, asks for façade colours",
];

struct Row {
    id: u64,
    city: &'static str,
    note: &'static str,
    amount: u64,
}

/// The rows, drawn from a small generator of its own, so that no library's update changes them.
fn rows(count: u64) -> impl Iterator<Item = Row> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (1..=count).map(move |id| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = state >> 33;
        let city = CITIES[(dice % 8) as usize];
        let note = NOTES[(dice / 8 % 5) as usize];
        Row { id, city, note, amount: dice / 40 % 100_000 }
    })
}

/// About 100 bytes a row.
pub(crate) fn csv(folder: &Path, count: u64) -> PathBuf {
    let path = folder.join(format!("{count}.csv"));
    write(&path, |out| {
        writeln!(out, "id,name,email,city,note,amount,since")?;
        for row in rows(count) {
            let (id, city) = (row.id, row.city);
            write!(out, "{id},Customer {id},c{id}@example.com,{city},")?;
            if row.note.contains([',', '"']) {
                write!(out, "\"{}\"", row.note.replace('"', "\"\""))?;
            } else {
                write!(out, "{}", row.note)?;
            }
            writeln!(out, ",{}.{:02},2026-01-{:02}", row.amount / 100, row.amount % 100, id % 28 + 1)?;
        }
        Ok(())
    });
    path
}

/// The same rows as objects.
pub(crate) fn ndjson(folder: &Path, count: u64) -> PathBuf {
    let path = folder.join(format!("{count}.ndjson"));
    write(&path, |out| {
        for row in rows(count) {
            let (id, city, note) = (row.id, row.city, row.note.replace('"', "\\\""));
            writeln!(
                out,
                "{{\"id\":\"{id}\",\"name\":\"Customer {id}\",\"email\":\"c{id}@example.com\",\"city\":\"{city}\",\
                 \"note\":\"{note}\",\"amount\":\"{}.{:02}\",\"since\":\"2026-01-{:02}\"}}",
                row.amount / 100,
                row.amount % 100,
                id % 28 + 1
            )?;
        }
        Ok(())
    });
    path
}

/// A file that is whole stays: it is always the same.
fn write(path: &Path, fill: impl Fn(&mut BufWriter<File>) -> std::io::Result<()>) {
    if path.exists() {
        return;
    }
    let part = path.with_extension("part");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&part).expect("the folder can be written"));
    fill(&mut out).and_then(|()| out.flush()).expect("the disk has room");
    std::fs::rename(&part, path).expect("the folder can be written");
}
