import Dispatch
import Foundation

/// A running worker thread of a team.
struct TeamWorker: Sendable {
  /// Where the worker waits between rounds.
  let sleeper = Sleeper()
  private let ended = DispatchSemaphore(value: 0)

  /// Starts the thread; nil when the system refuses another thread.
  init?(number: Int, board: TeamBoard) {
    let life = WorkerLife { [sleeper, ended] in
      board.serve(as: number, sleeper: sleeper)
      ended.signal()
    }
    guard life.start() else { return nil }
  }

  /// Waits until the thread has finished its work and ended.
  func join() { ended.wait() }
}

/// The body of a new thread: the object that the system hands to it.
private final class WorkerLife: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  /// Starts a detached thread that runs the body; false when the system refuses.
  func start() -> Bool {
    // Retained here and released by the new thread, or below if it does not start.
    let argument = unsafe Unmanaged.passRetained(self).toOpaque()
    #if canImport(Darwin)
      var thread: pthread_t?
      let status = unsafe pthread_create(&thread, nil, { unsafe WorkerLife.run($0) }, argument)
      if status == 0, let thread = unsafe thread { unsafe pthread_detach(thread) }
    #else
      var thread = pthread_t()
      let status = unsafe pthread_create(&thread, nil, { unsafe WorkerLife.run($0) }, argument)
      if status == 0 { pthread_detach(thread) }
    #endif
    if status != 0 { unsafe Unmanaged<WorkerLife>.fromOpaque(argument).release() }
    return status == 0
  }

  /// The thread's start routine; the argument is the object that `start` retained.
  private static func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument = unsafe argument {
      unsafe Unmanaged<WorkerLife>.fromOpaque(argument).takeRetainedValue().body()
    }
    return nil
  }
}
