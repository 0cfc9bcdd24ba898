// Fractions of requests (config/core/v3 RuntimeFractionalPercent, type/v3 FractionalPercent): the request's own dice is
// below the share or not. 0 never matches and the whole always does.
import type { Fraction } from '../resources/matchers.ts'

/** Whether `random`, in [0, 1), falls into the fraction. Envoy: `random % denominator < numerator`. */
export function matchesFraction(fraction: Fraction, random: number): boolean {
  return Math.floor(random * fraction.denominator) < fraction.numerator
}
