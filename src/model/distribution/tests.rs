use super::*;
use crate::random::Streams;

const DRAWS: u32 = 200_000;

fn all() -> Vec<(&'static str, Distribution)> {
    vec![
        ("constant", Distribution::Constant(5_000)),
        ("exponential", Distribution::Exponential { mean: 1e6 }),
        ("uniform", Distribution::Uniform { min: 10, max: 50_000 }),
        ("lognormal", Distribution::LogNormal { mu: 10.0, sigma: 0.6 }),
        ("pareto", Distribution::Pareto { min: 1e4, shape: 3.5, max: None }),
        ("bounded pareto", Distribution::Pareto { min: 1e4, shape: 1.0, max: Some(1e6) }),
        ("weibull", Distribution::Weibull { scale: 1e5, shape: 0.8 }),
        (
            "hyperexponential",
            Distribution::HyperExponential { means: vec![1e4, 2e5], weights: vec![0.9, 0.1] },
        ),
        ("geometric", Distribution::Geometric { mean: 20.0 }),
        (
            "empirical",
            Distribution::Empirical(
                Empirical::new(vec![(1e3, 0.2), (2e3, 0.5), (1e4, 1.0)]).unwrap(),
            ),
        ),
        (
            "discrete",
            Distribution::Discrete { values: vec![60, 590, 1514], weights: vec![0.5, 0.3, 0.2] },
        ),
    ]
}

/// Mean and standard error of `f` over draws from a named stream.
fn estimate(name: &str, mut f: impl FnMut(&mut Generator) -> f64) -> (f64, f64) {
    let mut generator = Streams::new(7, 0).stream(name);
    let (mut sum, mut squares) = (0.0, 0.0);
    for _ in 0..DRAWS {
        let value = f(&mut generator);
        sum += value;
        squares += value * value;
    }
    let n = f64::from(DRAWS);
    let mean = sum / n;
    (mean, ((squares / n - mean * mean).max(0.0) / n).sqrt())
}

#[test]
fn sample_means_agree_with_the_stated_means() {
    for (name, distribution) in all() {
        let (mean, error) = estimate(name, |g| to_f64(distribution.sample(g)));
        let exact = distribution.mean();
        // five standard errors over 11 distributions: a false alarm in 2e-6 of all seeds
        assert!((mean - exact).abs() <= 5.0 * error + 0.5, "{name}: {mean} against {exact}");
    }
}

#[test]
fn a_period_in_progress_is_length_biased_and_cut_uniformly() {
    for (name, distribution) in all() {
        // E[residual] = E[age] = E[X^2] / (2 E[X])
        let (second, second_error) =
            estimate(name, |g| to_f64(distribution.sample(g)).powi(2) / distribution.mean() / 2.0);
        let (residual, residual_error) =
            estimate("residual", |g| to_f64(distribution.sample_in_progress(g).residual));
        let (age, age_error) = estimate("age", |g| to_f64(distribution.sample_in_progress(g).age));
        let bound = |error: f64| 5.0 * error.hypot(second_error) + 1.0;
        assert!((residual - second).abs() <= bound(residual_error), "{name}: {residual} {second}");
        assert!((age - second).abs() <= bound(age_error), "{name}: {age} against {second}");
    }
}

/// Kolmogorov-Smirnov distance against a CDF; 1.95 / sqrt(n) is the critical value at 0.001.
fn kolmogorov_smirnov(distribution: &Distribution, cdf: impl Fn(f64) -> f64) -> f64 {
    let mut generator = Streams::new(11, 0).stream("ks");
    let mut values: Vec<f64> =
        (0..DRAWS).map(|_| to_f64(distribution.sample(&mut generator))).collect();
    values.sort_by(f64::total_cmp);
    let n = f64::from(DRAWS);
    values
        .iter()
        .zip(1_u32..)
        .map(|(value, rank)| (cdf(*value) - f64::from(rank) / n).abs())
        .fold(0.0, f64::max)
        * n.sqrt()
}

#[test]
fn continuous_samplers_pass_kolmogorov_smirnov() {
    let normal = |z: f64| 0.5 * erfc(-z / std::f64::consts::SQRT_2);
    type Cdf = Box<dyn Fn(f64) -> f64>;
    let cases: Vec<(Distribution, Cdf)> = vec![
        (Distribution::Exponential { mean: 1e9 }, Box::new(|x| 1.0 - (-x / 1e9).exp())),
        (
            Distribution::LogNormal { mu: 20.0, sigma: 1.5 },
            Box::new(move |x: f64| normal((x.ln() - 20.0) / 1.5)),
        ),
        (
            Distribution::Pareto { min: 1e9, shape: 1.2, max: None },
            Box::new(|x: f64| 1.0 - (1e9 / x).powf(1.2)),
        ),
        (
            Distribution::Pareto { min: 1e9, shape: 1.2, max: Some(1e11) },
            Box::new(|x: f64| (1.0 - (1e9 / x).powf(1.2)) / (1.0 - (1e9_f64 / 1e11).powf(1.2))),
        ),
        (
            Distribution::Weibull { scale: 1e9, shape: 0.5 },
            Box::new(|x: f64| 1.0 - (-(x / 1e9).sqrt()).exp()),
        ),
        (Distribution::Uniform { min: 0, max: 1_000_000_000 }, Box::new(|x| x / 1e9)),
        (
            Distribution::HyperExponential { means: vec![1e8, 1e10], weights: vec![0.9, 0.1] },
            Box::new(|x: f64| 0.9 * (1.0 - (-x / 1e8).exp()) + 0.1 * (1.0 - (-x / 1e10).exp())),
        ),
        (
            Distribution::Empirical(
                Empirical::new(vec![(0.0, 0.0), (1e9, 0.7), (1e11, 1.0)]).unwrap(),
            ),
            Box::new(|x| if x < 1e9 { 0.7 * x / 1e9 } else { 0.7 + 0.3 * (x - 1e9) / 9.9e10 }),
        ),
    ];
    for (distribution, cdf) in cases {
        let distance = kolmogorov_smirnov(&distribution, cdf);
        assert!(distance < 1.95, "{distribution:?}: {distance}");
    }
}

#[test]
fn discrete_samplers_pass_chi_square() {
    let geometric = Distribution::Geometric { mean: 3.0 };
    let discrete =
        Distribution::Discrete { values: vec![1, 2, 3, 4], weights: vec![0.5, 0.3, 0.15, 0.05] };
    // 1, 2, 3, and 4 or more: p = 1/3 each time
    let cases = [
        (geometric, [1.0 / 3.0, 2.0 / 9.0, 4.0 / 27.0, 8.0 / 27.0]),
        (discrete, [0.5, 0.3, 0.15, 0.05]),
    ];
    for (distribution, shares) in cases {
        let mut generator = Streams::new(19, 0).stream("chi-square");
        let mut counts = [0.0; 4];
        for _ in 0..DRAWS {
            let value = usize::try_from(distribution.sample(&mut generator)).unwrap();
            counts[value.min(4) - 1] += 1.0;
        }
        let cells = counts.iter().zip(shares.map(|share| share * f64::from(DRAWS)));
        let statistic: f64 = cells.map(|(n, exact)| (n - exact).powi(2) / exact).sum();
        // 3 degrees of freedom at 0.001
        assert!(statistic < 16.27, "{distribution:?}: {statistic}");
    }
}

#[test]
fn quantiles_are_where_the_samplers_share_is() {
    for (name, distribution) in all() {
        let mut generator = Streams::new(13, 0).stream(name);
        let drawn: Vec<u64> = (0..DRAWS).map(|_| distribution.sample(&mut generator)).collect();
        for u in [0.001, 0.1, 0.5, 0.9, 0.999] {
            let quantile = distribution.quantile(u);
            let share = |fits: &dyn Fn(u64) -> bool| {
                to_f64(drawn.iter().filter(|value| fits(**value)).count() as u64) / f64::from(DRAWS)
            };
            // P(X < q) <= u <= P(X <= q); continuous values are rounded, so one beside q counts.
            let (below, up_to) =
                (share(&|x| x + 1 < quantile), share(&|x| x <= quantile.saturating_add(1)));
            // five standard errors in 110 comparisons: a false alarm in 4e-5 of all seeds
            let error = 5.0 * (u * (1.0 - u) / f64::from(DRAWS)).sqrt();
            assert!(below <= u + error && u <= up_to + error, "{name} {u}: {below} {up_to}");
        }
    }
}

#[test]
fn streams_keep_their_values() {
    let mut generator = Streams::new(1, 0).stream("pinned");
    let exponential = Distribution::Exponential { mean: 1e6 };
    let drawn: Vec<u64> = (0..4).map(|_| exponential.sample(&mut generator)).collect();
    let uniform = Distribution::Uniform { min: 0, max: 999 };
    let drawn_uniform: Vec<u64> = (0..4).map(|_| uniform.sample(&mut generator)).collect();
    assert_eq!(drawn, [848_918, 572_496, 1_558_946, 692_150]);
    assert_eq!(drawn_uniform, [900, 284, 905, 958]);
}

#[test]
fn an_empirical_distribution_needs_rising_points_up_to_one() {
    assert!(Empirical::new(vec![]).is_err());
    assert!(Empirical::new(vec![(1.0, 0.5)]).is_err());
    assert!(Empirical::new(vec![(2.0, 0.5), (1.0, 1.0)]).is_err());
    let table = Empirical::new(vec![(10.0, 0.5), (20.0, 1.0)]).unwrap();
    assert!((table.quantile(0.2) - 10.0).abs() < 1e-12);
    assert!((table.quantile(0.75) - 15.0).abs() < 1e-12);
    assert!((table.mean() - 12.5).abs() < 1e-12);
}
