//! Bodies made smaller. The same bytes in always give the same bytes out, so that a request that is sent again is
//! the same request.

use flate2::{Compression, write::GzEncoder};
use std::io::{self, Write};

pub fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

pub fn zstd(body: &[u8]) -> io::Result<Vec<u8>> {
    zstd::stream::encode_all(body, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_packed_is_unpacked_as_it_was_and_always_alike() {
        let body = br#"[{"a":1},{"a":2}]"#.repeat(100);
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&gzip(&body).unwrap()[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, body);
        assert_eq!(zstd::stream::decode_all(&zstd(&body).unwrap()[..]).unwrap(), body);
        assert_eq!(gzip(&body).unwrap(), gzip(&body).unwrap());
    }
}
