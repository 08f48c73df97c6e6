//! Reading `rss`: how frames and flows are steered to queues.

use super::super::keys::RSS;
use super::super::quantity::Field;
use super::{Result, queue_list};
use crate::id::QueueId;
use crate::model::steering::{MICROSOFT_KEY, Rss, key_of_text};

/// `rss`: absent, `"toeplitz"` or `true` spread the queues evenly over 128 entries; a table names
/// key and indirection.
pub(super) fn rss(field: Option<Field<'_>>, ids: &[QueueId]) -> Result<Rss> {
    const TABLE_LEN: u32 = 128;
    let queues: Vec<u32> = ids.iter().map(|id| id.get()).collect();
    let even = |len: u32| Rss::equal(&queues, len as usize);
    let Some(field) = field else {
        return Ok(even(TABLE_LEN).expect("a table of queues that exist is not empty"));
    };
    let table = if field.truth() == Some(true) {
        even(TABLE_LEN)
    } else if field.is_text() {
        field.choice(&["toeplitz"])?;
        even(TABLE_LEN)
    } else {
        let fields = field.fields(RSS)?;
        let key = fields.or("key", MICROSOFT_KEY.to_vec(), hash_key)?;
        let len = fields.or("table_len", TABLE_LEN, |f| f.count_u32(1, 65_536))?;
        let table = match fields.get("indirection") {
            None => (0..len as usize).map(|entry| queues[entry % queues.len()]).collect(),
            Some(list) => {
                let all = ids.iter().map(|id| id.index()).max().unwrap_or(0) + 1;
                queue_list(&list, all, false)?.iter().map(|id| id.get()).collect()
            }
        };
        fields.finish();
        Rss::new(&key, table)
    };
    table.map_err(|error| field.error(&error.to_string()))
}

/// Forty bytes in hexadecimal, with or without colons.
fn hash_key(field: &Field<'_>) -> Result<Vec<u8>> {
    key_of_text(field.text()?).ok_or_else(|| {
        field.error("is no key; write 40 bytes in hexadecimal, as `ethtool -x` prints")
    })
}
