//! Ranges of whole numbers: `"64..4096 x2"`, `"0..8192 step 512"`, a list, or one number.

/// Most values a range may have.
const VALUES_MAX: usize = 10_000;

/// The values of a range, rising.
///
/// # Errors
/// One sentence that says what is wrong and what would be right.
pub(super) fn parse(text: &str) -> Result<Vec<u32>, String> {
    const RIGHT: &str = "write \"64..4096 x2\", \"0..8192 step 512\", a list, or one number";
    let wrong = || format!("'{text}' is not a range; {RIGHT}");
    if let Ok(single) = text.trim().parse() {
        return Ok(vec![single]);
    }
    let (first, rest) = text.trim().split_once("..").ok_or_else(wrong)?;
    let (last, step) = rest.trim().split_once(' ').ok_or_else(wrong)?;
    let first: u32 = first.trim().parse().map_err(|_| wrong())?;
    let last: u32 = last.trim().parse().map_err(|_| wrong())?;
    if last < first {
        return Err(format!("'{text}' ends below its start; write the lower number first"));
    }
    let step = step.trim();
    let next: Box<dyn Fn(u32) -> Option<u32>> = if let Some(factor) = step.strip_prefix('x') {
        let factor: u32 = factor.trim().parse().map_err(|_| wrong())?;
        if factor < 2 || first == 0 {
            return Err(format!(
                "'{text}' never moves on; start above 0 with a factor of 2 or more"
            ));
        }
        Box::new(move |value| value.checked_mul(factor))
    } else {
        let step = step.strip_prefix("step").ok_or_else(wrong)?;
        let step: u32 = step.trim().parse().map_err(|_| wrong())?;
        if step == 0 {
            return Err(format!("'{text}' never moves on; the step must be 1 or more"));
        }
        Box::new(move |value| value.checked_add(step))
    };
    let values: Vec<u32> =
        std::iter::successors(Some(first), |value| next(*value).filter(|next| *next <= last))
            .take(VALUES_MAX + 1)
            .collect();
    if values.len() > VALUES_MAX {
        return Err(format!("'{text}' has more than {VALUES_MAX} values; take a larger step"));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn ranges_multiply_step_or_stand_alone() {
        assert_eq!(parse("64..512 x2").unwrap(), [64, 128, 256, 512]);
        assert_eq!(parse("0..8192 step 4096").unwrap(), [0, 4096, 8192]);
        assert_eq!(parse("0..1000 step 400").unwrap(), [0, 400, 800]);
        assert_eq!(parse("7").unwrap(), [7]);
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused() {
        for text in ["", "64", "64..", "512..64 x2", "0..8 x2", "1..8 x1", "1..8 step 0", "a..b x2"]
        {
            assert_eq!(parse(text).is_err(), text != "64", "{text}");
        }
        assert!(parse("0..4000000000 step 1").unwrap_err().contains("more than"));
    }
}
