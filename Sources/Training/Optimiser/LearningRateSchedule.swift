import Foundation

/// The learning rate of each training step: a linear warm-up, then half a cosine down to a floor.
public struct LearningRateSchedule: Sendable, Equatable {
  /// The greatest learning rate.
  public let peak: Float
  /// The learning rate at the end of the schedule and after it.
  public let floor: Float
  /// Steps of the warm-up; its last step has the peak rate.
  public let warmUp: Int
  /// Steps of the whole schedule.
  public let steps: Int

  /// A schedule.
  /// - Throws: `TrainingError.request` unless `0 ≤ floor ≤ peak` and `0 ≤ warmUp ≤ steps`.
  public init(peak: Float, floor: Float = 0, warmUp: Int, steps: Int) throws(TrainingError) {
    guard floor >= 0, floor <= peak, peak.isFinite else {
      throw .request("rates fall from a finite \(peak) to \(floor); use 0 ≤ floor ≤ peak")
    }
    guard warmUp >= 0, warmUp <= steps else {
      throw .request("\(warmUp) steps of warm-up do not fit a training of \(steps)")
    }
    self.peak = peak
    self.floor = floor
    self.warmUp = warmUp
    self.steps = steps
  }

  /// The learning rate of step `step`; the first step is 0.
  public func rate(at step: Int) -> Float {
    if step < warmUp { return peak * Float(step + 1) / Float(warmUp) }
    guard step < steps else { return floor }
    let progress = Double(step - warmUp) / Double(steps - warmUp)
    return floor + (peak - floor) * Float((1 + cos(.pi * progress)) / 2)
  }
}
