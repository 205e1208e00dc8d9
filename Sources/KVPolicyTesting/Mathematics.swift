#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The natural logarithm; −∞ of 0.
func logarithm(_ x: Double) -> Double { log(x) }

/// `eˣ`.
func exponentialOf(_ x: Double) -> Double { exp(x) }

/// `base` to the power of `exponent`.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

/// Sine and cosine of an angle.
func sineAndCosine(_ angle: Double) -> (sine: Double, cosine: Double) { (sin(angle), cos(angle)) }
