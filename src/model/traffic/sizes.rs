//! Measured sizes of flows and messages, as published with their simulators.
//!
//! Tables of one name differ widely: the three called "Facebook Hadoop" by a factor of 28 in the
//! mean. So each is named apart, and says from which repository and commit its points are.

mod homa;

use std::fmt;

use crate::model::distribution::{Distribution, Empirical};
use crate::units::round_to_u64;

/// A published table of sizes.
#[derive(Debug, PartialEq)]
pub struct SizeTable {
    /// The name in scenarios.
    pub name: &'static str,
    /// What was measured.
    pub about: &'static str,
    /// The GitHub repository, the path in it, and the commit.
    pub source: &'static str,
    /// Bytes, and the share of flows that have no more.
    points: &'static [(f64, f64)],
    reading: Reading,
}

/// How the publishing code reads what lies between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// On a straight line.
    Lines,
    /// Nothing does: each size has the share by which its point rises.
    Steps,
    /// Sizes that divide the way from the point before into so many parts of equal shares, on a
    /// curve; then as `Steps`.
    Parts(Curve, &'static [u32]),
}

/// A curve from one point to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    /// Equal factors from size to size.
    Geometric,
    /// Equal differences of 1 / size.
    Harmonic,
}

impl Curve {
    /// The size at the part `t` of the way.
    fn at(self, from: f64, to: f64, t: f64) -> f64 {
        match self {
            Self::Geometric => from * (to / from).powf(t),
            Self::Harmonic => 1.0 / (1.0 / from + t * (1.0 / to - 1.0 / from)),
        }
    }
}

impl SizeTable {
    /// The table with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// The distribution, in bytes.
    ///
    /// # Panics
    /// Never: a test makes all of them.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        if self.reading == Reading::Lines {
            let empirical = Empirical::new(self.points.to_vec());
            return Distribution::Empirical(empirical.expect("a published table is in order"));
        }
        let points = self.steps();
        let before = std::iter::once(0.0).chain(points.iter().map(|(_, share)| *share));
        Distribution::Discrete {
            values: points.iter().map(|(bytes, _)| round_to_u64(*bytes)).collect(),
            weights: points.iter().zip(before).map(|((_, to), from)| to - from).collect(),
        }
    }

    /// The points, and those between them.
    fn steps(&self) -> Vec<(f64, f64)> {
        let Reading::Parts(curve, parts) = self.reading else { return self.points.to_vec() };
        let mut steps = vec![self.points[0]];
        for (pair, parts) in self.points.windows(2).zip(parts) {
            let ((from, below), (to, share)) = (pair[0], pair[1]);
            steps.extend((1..=*parts).map(|part| {
                let t = f64::from(part) / f64::from(*parts);
                (curve.at(from, to, t).round(), below + t * (share - below))
            }));
        }
        steps
    }
}

impl fmt::Display for SizeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, source, .. } = self;
        write!(f, "{about}, mean {:.0} B; from {source}", self.distribution().mean())
    }
}

/// All tables.
pub const TABLES: &[SizeTable] = &[
    SizeTable {
        name: "websearch",
        about: "web search (DCTCP, SIGCOMM 2010)",
        source: "alibaba-edu/High-Precision-Congestion-Control \
                 traffic_gen/WebSearch_distribution.txt 9cf8b9e8",
        points: &[
            (0.0, 0.0),
            (10_000.0, 0.15),
            (20_000.0, 0.2),
            (30_000.0, 0.3),
            (50_000.0, 0.4),
            (80_000.0, 0.53),
            (200_000.0, 0.6),
            (1_000_000.0, 0.7),
            (2_000_000.0, 0.8),
            (5_000_000.0, 0.9),
            (10_000_000.0, 0.97),
            (30_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "data-mining",
        about: "data mining (VL2, SIGCOMM 2009)",
        source: "HKUST-SING/TrafficGenerator conf/VL2_CDF.txt 1c1bc657",
        points: &[
            (0.0, 0.0),
            (180.0, 0.1),
            (216.0, 0.2),
            (560.0, 0.3),
            (900.0, 0.4),
            (1_100.0, 0.5),
            (1_870.0, 0.6),
            (3_160.0, 0.7),
            (10_000.0, 0.8),
            (400_000.0, 0.9),
            (3_160_000.0, 0.95),
            (100_000_000.0, 0.98),
            (1_000_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "data-mining-abm",
        about: "data mining (VL2), as in ABM's simulator",
        source: "inet-tub/ns3-datacenter simulator/ns-3.39/examples/ABM/datamining.csv e57131f1",
        points: &[
            (100.0, 0.0),
            (180.0, 0.085),
            (250.0, 0.14),
            (560.0, 0.33),
            (900.0, 0.47),
            (1_100.0, 0.55),
            (1_870.0, 0.65),
            (3_160.0, 0.7),
            (10_000.0, 0.8),
            (100_001.0, 0.874),
            (400_000.0, 0.9),
            (1_850_000.0, 0.95),
            (10_000_000.0, 0.97),
            (30_000_000.0, 0.98),
            (100_000_000.0, 0.99),
            (250_000_000.0, 0.995),
            (1_000_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "hadoop-hpcc",
        about: "Facebook Hadoop, as in HPCC's simulator",
        source: "alibaba-edu/High-Precision-Congestion-Control \
                 traffic_gen/FbHdp_distribution.txt 9cf8b9e8",
        points: &[
            (0.0, 0.0),
            (100.0, 0.01),
            (200.0, 0.02),
            (300.0, 0.05),
            (350.0, 0.15),
            (400.0, 0.2),
            (500.0, 0.3),
            (600.0, 0.4),
            (700.0, 0.5),
            (1_000.0, 0.6),
            (2_000.0, 0.67),
            (7_000.0, 0.7),
            (30_000.0, 0.72),
            (50_000.0, 0.82),
            (80_000.0, 0.87),
            (120_000.0, 0.9),
            (300_000.0, 0.95),
            (1_000_000.0, 0.975),
            (2_000_000.0, 0.99),
            (10_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "hadoop-abm",
        about: "Facebook Hadoop, as in ABM's simulator",
        source: "inet-tub/ns3-datacenter simulator/ns-3.39/examples/ABM/hadoop.csv e57131f1",
        points: &[
            (325.0, 0.0),
            (1_177.0, 0.017_285_94),
            (4_264.0, 0.022_426_176),
            (15_443.0, 0.027_658_305),
            (28_000.0, 0.06),
            (37_323.0, 0.104_879_491),
            (51_067.0, 0.335_908_276),
            (74_908.0, 0.515_476_971),
            (93_293.0, 0.641_894_623),
            (141_819.0, 0.772_500_294),
            (237_853.0, 0.889_446_481),
            (573_344.0, 0.957_208_265),
            (2_076_744.0, 0.965_639_401),
            (7_521_945.0, 0.968_717_8),
            (27_244_995.0, 0.974_237_092),
            (98_686_787.0, 0.983_862_831),
            (223_092_956.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "hadoop-homa",
        about: "Facebook Hadoop, as in Homa's simulator",
        source: "PlatformLab/HomaSimulation RpcTransportDesign/OMNeT++Simulation/homatransport/\
                 sizeDistributions/Facebook_HadoopDist_All.txt 23b5164f",
        points: &[
            (92.0, 0.0074),
            (217.0, 0.0149),
            (271.0, 0.0409),
            (300.0, 0.0520),
            (326.0, 0.1375),
            (376.0, 0.2026),
            (425.0, 0.2230),
            (480.0, 0.2639),
            (600.0, 0.4591),
            (679.0, 0.5167),
            (737.0, 0.5520),
            (800.0, 0.5762),
            (885.0, 0.5912),
            (1_042.0, 0.6097),
            (1_277.0, 0.6282),
            (1_413.0, 0.6394),
            (1_534.0, 0.6468),
            (1_664.0, 0.6673),
            (2_214.0, 0.6747),
            (3_396.0, 0.6840),
            (5_210.0, 0.6933),
            (7_830.0, 0.7082),
            (31_946.0, 0.7212),
            (36_844.0, 0.7305),
            (39_973.0, 0.7398),
            (44_260.0, 0.7584),
            (47_050.0, 0.7788),
            (51_046.0, 0.8160),
            (62_583.0, 0.8234),
            (70_722.0, 0.8327),
            (75_180.0, 0.8420),
            (81_565.0, 0.8717),
            (102_058.0, 0.8885),
            (115_331.0, 0.8978),
            (133_013.0, 0.9070),
            (156_563.0, 0.9164),
            (184_284.0, 0.9257),
            (212_546.0, 0.9349),
            (240_177.0, 0.9442),
            (288_520.0, 0.9535),
            (470_507.0, 0.9628),
            (736_642.0, 0.9684),
            (940_700.0, 0.9721),
            (1_769_244.0, 0.9814),
            (2_169_118.0, 0.9870),
            (10_000_000.0, 1.0000),
        ],
        reading: Reading::Steps,
    },
    SizeTable {
        name: "key-value",
        about: "Facebook key-value store",
        source: "HKUST-SING/TrafficGenerator conf/FB_CDF.txt 1c1bc657",
        points: &[
            (0.0, 0.0),
            (3.0, 0.28),
            (10.0, 0.32),
            (12.0, 0.44),
            (75.0, 0.5),
            (250.0, 0.75),
            (350.0, 0.9),
            (1_000.0, 0.965),
            (2_515.0, 0.98),
            (6_326.0, 0.99),
            (10_032.0, 0.995),
            (15_910.0, 0.997),
            (23_009.0, 0.9992),
            (24_094.0, 0.9996),
            (25_000.0, 0.9999),
            (100_000.0, 0.99999),
            (1_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    SizeTable {
        name: "storage",
        about: "Alibaba storage, 2019",
        source: "alibaba-edu/High-Precision-Congestion-Control traffic_gen/AliStorage2019.txt \
                 fe18e47f",
        points: &[
            (0.0, 0.0),
            (4_000.0, 0.2293),
            (8_000.0, 0.6921),
            (16_000.0, 0.8061),
            (32_000.0, 0.9047),
            (64_000.0, 0.9353),
            (128_000.0, 0.9677),
            (256_000.0, 0.9753),
            (2_000_000.0, 1.0),
        ],
        reading: Reading::Lines,
    },
    homa::W1,
    homa::W2,
    homa::W3,
    homa::W4,
    homa::W5,
];

#[cfg(test)]
mod tests;
