//! The benchmark lies in `benches/`.
