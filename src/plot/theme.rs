//! Colours, sizes and the way numbers are written on figures.

use plotters::style::RGBColor;

/// Factor between the drawing's integer pixels and the figure's: lines drawn in whole pixels of the
/// figure's own size would wobble.
pub(super) const FINE: f64 = 10.0;

/// Width of every figure, in pixels.
pub(super) const WIDTH: f64 = 760.0;
/// Text that is read at 600 pixels too: 11 of 14 pixels are left there.
pub(super) const TEXT: f64 = 14.0;
/// Title of a figure.
pub(super) const TITLE: f64 = 18.0;
/// Lines below the title, and labels in the figure.
pub(super) const SMALL: f64 = 13.0;
/// Mean width of a character, in parts of the text's size.
pub(super) const CHARACTER: f64 = 0.54;

/// Titles and labels.
pub(super) const INK: RGBColor = RGBColor(31, 35, 40);
/// What explains.
pub(super) const MUTED: RGBColor = RGBColor(89, 99, 110);
/// Lines behind the data.
pub(super) const GRID: RGBColor = RGBColor(226, 229, 234);
/// Behind everything.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);

/// Text on light and dark cells: unlike [`INK`] and [`PAPER`] the same on a dark page.
pub(super) const ON_LIGHT: RGBColor = RGBColor(30, 34, 39);
pub(super) const ON_DARK: RGBColor = RGBColor(254, 254, 254);

// Okabe and Ito, "Color Universal Design", 2008: told apart with any colour vision.
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);

/// Colours for any number of series, the clearest first.
pub(super) const SERIES: [RGBColor; 6] = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY];

/// The colour of series `index`.
pub(super) fn series(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

/// A colour of the heat map for a share from 0 (light) to 1 (dark): cividis, which rises evenly in
/// lightness (Nunez, Anderton and Renslow, PLoS ONE 2018), reversed.
pub(super) fn heat(share: f64) -> RGBColor {
    const STOPS: [RGBColor; 6] = [
        RGBColor(253, 234, 69),
        RGBColor(203, 186, 105),
        RGBColor(158, 146, 120),
        RGBColor(114, 113, 117),
        RGBColor(66, 78, 107),
        RGBColor(0, 34, 78),
    ];
    let place = share.clamp(0.0, 1.0) * 5.0;
    let index = (0_u8..4).filter(|stop| f64::from(*stop) + 1.0 <= place).count();
    let (from, to) = (STOPS[index], STOPS[index + 1]);
    let part = place - index as f64;
    let mix = |from: u8, to: u8| {
        let value = f64::from(from) + part * (f64::from(to) - f64::from(from));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
        let value = value.round() as u8;
        value
    };
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// A number as people write it: thousands apart, at most four significant digits if not whole.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        let digits = format!("{:.0}", value.abs());
        let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() > 4 {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    let decimals = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.001 => 5,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A power of ten in print: `10⁻⁴`.
pub(super) fn power_of_ten(exponent: i32) -> String {
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => {
            let digits = exponent.to_string();
            let raised = digits.chars().map(|character| match character {
                '-' => '⁻',
                '1' => '¹',
                '2' => '²',
                '3' => '³',
                digit => char::from_u32(u32::from(digit) - u32::from('0') + 0x2070).unwrap_or('?'),
            });
            "10".chars().chain(raised).collect()
        }
    }
}

/// A text of at most `limit` characters, cut at its end.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit - 1).collect();
    kept.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        let texts = [0.0, 512.0, 4096.0, 131_072.0, 2.5, 12.345_6, 0.000_4].map(number);
        assert_eq!(texts, ["0", "512", "4096", "131,072", "2.5", "12.35", "4.00e-4"]);
    }

    #[test]
    fn powers_of_ten_have_raised_exponents() {
        assert_eq!([-4, -12, 0, 3, 6].map(power_of_ten), ["10⁻⁴", "10⁻¹²", "1", "10³", "10⁶"]);
    }

    #[test]
    fn heat_runs_from_light_to_dark() {
        assert_eq!(heat(0.0), RGBColor(253, 234, 69));
        assert_eq!(heat(1.0), RGBColor(0, 34, 78));
    }
}
