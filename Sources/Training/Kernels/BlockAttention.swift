internal import ReferenceModel

/// The queries, keys and values of one attention: `queryHeads × depth` or `keyHeads × depth` floats
/// for each token of a batch.
@unsafe struct AttentionRows {
  let queries: UnsafePointer<Float>
  let keys: UnsafePointer<Float>
  let values: UnsafePointer<Float>
}

/// Attention of whole texts under a mask, and its gradient.
///
/// Threads share the pairs of a text and a key head, so each gradient has one writer. A pair
/// handles its queries in blocks; one product computes all query heads of the group. The forward
/// pass keeps only the log-sum-exp of each query, and the backward pass recomputes the
/// probabilities from it (Dao, "FlashAttention-2", 2023, §3.1).
final class BlockAttention {
  /// The approximate height of a block: its logits over a thousand keys fit a second-level cache.
  private static let wantedHeight = 96

  let queryHeads: Int
  let keyHeads: Int
  let depth: Int
  let product: MatrixProduct
  private let scratch: [FloatBuffer]

  /// Attention of a model's heads.
  init(_ model: LlamaConfiguration, product: MatrixProduct) {
    queryHeads = model.queryHeads
    keyHeads = model.keyHeads
    depth = model.headDimension
    self.product = product
    scratch = (0..<product.team.threads).map { _ in FloatBuffer() }
  }

  var group: Int { queryHeads / keyHeads }
  var queryWidth: Int { queryHeads * depth }
  var keyWidth: Int { keyHeads * depth }
  var scale: Float { 1 / Float(depth).squareRoot() }

  /// Fills `out`, `queryHeads × depth` floats a token, and `sums`, `queryHeads` log-sum-exps a
  /// token.
  @unsafe func attend(
    _ rows: AttentionRows, texts: [Range<Int>], mask: AttentionMask,
    into out: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>
  ) {
    forEachBlock(texts) { text, head, queries, thread in
      let block = unsafe AttentionBlock(
        self, rows, text: text, head: head, queries: queries, mask: mask, thread: thread,
        scratch: scratch[thread])
      unsafe block.attend(into: out, sums: sums)
    }
  }

  /// Adds to the gradients of queries, keys and values. `attend` has filled `out` and `sums`;
  /// `dOut` is the gradient of `out`.
  @unsafe func attendBackward(
    _ rows: AttentionRows, texts: [Range<Int>], mask: AttentionMask,
    out: UnsafePointer<Float>, sums: UnsafePointer<Float>, dOut: UnsafePointer<Float>,
    into gradients: AttentionGradients
  ) {
    forEachBlock(texts) { text, head, queries, thread in
      let block = unsafe AttentionBlock(
        self, rows, text: text, head: head, queries: queries, mask: mask, thread: thread,
        scratch: scratch[thread])
      unsafe block.attendBackward(out: out, sums: sums, dOut: dOut, into: gradients)
    }
  }

  /// Calls `body` for all blocks. The blocks of one text and key head come in order, on one thread.
  private func forEachBlock(
    _ texts: [Range<Int>], _ body: (Range<Int>, Int, Range<Int>, Int) -> Void
  ) {
    let queries = max(1, Self.wantedHeight / group)
    product.team.share(texts.count * keyHeads, grain: 1) { thread, pairs in
      for pair in pairs {
        let text = texts[pair / keyHeads]
        for first in stride(from: 0, to: text.count, by: queries) {
          body(text, pair % keyHeads, first..<min(first + queries, text.count), thread)
        }
      }
    }
  }
}

/// The gradients of queries, keys and values to add to, laid out like `AttentionRows`.
@unsafe struct AttentionGradients {
  let queries: UnsafeMutablePointer<Float>
  let keys: UnsafeMutablePointer<Float>
  let values: UnsafeMutablePointer<Float>
}
