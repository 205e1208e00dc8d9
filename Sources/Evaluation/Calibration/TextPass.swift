import KVPolicyKit
import ReferenceModel

/// One of a calibration's passes over a text.
struct TextPass {
  /// Tokens of a chunk.
  static let chunk = 64

  let model: LlamaModel
  let text: [Int]
  let label: String
  let run: Int
  let runs: Int

  /// Reads the text in chunks under a policy, and shows the logits of every token.
  func read(
    _ policy: some KVCachePolicy, format: RowFormat = StoreConfiguration().format,
    _ progress: (RunProgress) -> Void, _ show: (Int, Span<Float>) -> Void = { _, _ in }
  ) throws -> LlamaSession {
    let store = try PagedKVStore(
      shape: model.shape, configuration: StoreConfiguration(format: format))
    let session = model.makeSession(
      store.makeSequence(try PolicyAssignment(policy, shape: model.shape)))
    // The closure for each token is not called after this call, whatever its type says.
    try withoutActuallyEscaping(show) { show in
      for start in stride(from: 0, to: text.count, by: TextPass.chunk) {
        progress(
          RunProgress(label: label, run: run, runs: runs, tokens: start, totalTokens: text.count))
        let end = min(start + TextPass.chunk, text.count)
        try session.prefill(Array(text[start..<end])) { show(start + $0, $1) }
      }
    }
    return session
  }
}
