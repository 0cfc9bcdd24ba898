import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HISTOGRAM_BOUNDS, Series, SeriesHistogram } from './series.ts'

const histograms = [SeriesHistogram.Duration, SeriesHistogram.RequestBytes, SeriesHistogram.ResponseBytes]

test('has the 19 default buckets of Envoy', () => {
  expect(HISTOGRAM_BOUNDS).toHaveLength(19)
  expect(HISTOGRAM_BOUNDS[0]).toBe(0.5)
  expect(HISTOGRAM_BOUNDS.at(-1)).toBe(3_600_000)
})

test.each([
  [0, 0],
  [0.5, 0],
  [0.500001, 1],
  [1, 1],
  [5, 2],
  [5.1, 3],
  [3_600_000, 18],
  [3_600_001, 19],
])('counts %f in bucket %i, bounds inclusive', (value, bucket) => {
  const series = new Series([])
  series.observe(SeriesHistogram.RequestBytes, value)
  for (let i = 0; i <= HISTOGRAM_BOUNDS.length; i++)
    expect(series.bucket(SeriesHistogram.RequestBytes, i)).toBe(i === bucket ? 1 : 0)
  expect(series.sum(SeriesHistogram.RequestBytes)).toBe(value)
})

test('keeps the counter and the three histograms apart', () => {
  const series = new Series([])
  series.increment()
  for (const [i, histogram] of histograms.entries()) series.observe(histogram, 10 ** i)
  expect(series.requests).toBe(1)
  expect(histograms.map((histogram) => series.sum(histogram))).toEqual([1, 10, 100])
})

test('every value falls into the first bucket whose bound is not below it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (value) => {
      const series = new Series([])
      series.observe(SeriesHistogram.Duration, value)
      const expected = HISTOGRAM_BOUNDS.findIndex((bound) => value <= bound)
      return series.bucket(SeriesHistogram.Duration, expected < 0 ? HISTOGRAM_BOUNDS.length : expected) === 1
    }),
  )
})
