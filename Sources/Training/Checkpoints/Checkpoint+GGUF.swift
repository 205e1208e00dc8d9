import KVPolicyKit
internal import ReferenceModel

extension Checkpoint {
  /// How a GGUF file stores the elements of matrices. The gains of norms are always 32-bit floats.
  public enum MatrixFormat: String, CaseIterable, Sendable {
    /// 32-bit floats: the parameters without rounding.
    case f32
    /// 16-bit floats.
    case f16
    /// Blocks of 32 bytes with a 16-bit scale; 16-bit floats if the columns do not divide into
    /// blocks.
    case q8_0

    /// llama.cpp's number of the file type.
    fileprivate var fileType: Int64 {
      switch self {
      case .f32: 0
      case .f16: 1
      case .q8_0: 7
      }
    }
  }

  /// Writes or replaces a GGUF file, which appears whole or not at all.
  public func write(gguf path: String, _ format: MatrixFormat = .f32) throws(CheckpointError) {
    try CheckpointFile.write(try gguf(format), to: path)
  }

  /// The checkpoint as a GGUF file. The same checkpoint gives the same bytes.
  ///
  /// Each parameter is rounded to the nearest number of the format. In `q8_0` this is one of 255
  /// steps of the block's scale: the greatest magnitude in the block divided by 127, rounded to 16
  /// bits. If several tokens end a text, the file names the first one only, since readers know one.
  ///
  /// - Throws: `CheckpointError.tensor` for a number beyond the format's largest.
  public func gguf(_ format: MatrixFormat = .f32) throws(CheckpointError) -> [UInt8] {
    var file = GGUFBytes()
    for (key, value) in metadata(format) { file.add(key, value) }
    for (part, tensor) in zip(Checkpoint.parts(configuration), tensors) {
      let (row, type) = Checkpoint.stored(part.shape, format)
      let limit: Float = row == .f32 ? .infinity : row == .f16 ? 65_504 : 127 * 65_504
      if let value = tensor.values.first(where: { abs($0) > limit }) {
        throw .tensor(
          name: part.name, reason: "has \(value), beyond \(limit), the largest in \(row); write f32"
        )
      }
      let values = part.turnedHeads.map { tensor.interleaved(heads: $0) } ?? tensor.values
      file.add(part.gguf, shape: part.shape, type: type, bytes: row.bytes(of: values))
    }
    return file.bytes
  }

  /// The format of a tensor's elements, and ggml's number of the format.
  private static func stored(
    _ shape: [Int], _ format: MatrixFormat
  ) -> (row: RowFormat, type: UInt32) {
    let columns = shape.last ?? 1
    let (row, type): (RowFormat, TensorType) =
      switch format {
      case _ where shape.count == 1: (.f32, .f32)
      case .f32: (.f32, .f32)
      case .q8_0 where columns % RowFormat.q8_0.blockElements == 0: (.q8_0, .q8_0)
      case .f16, .q8_0: (.f16, .f16)
      }
    guard let number = GGMLType.number(type) else {
      // Only the three types above occur, whatever the request, so a missing number is a bug.
      preconditionFailure("ggml has a number for each of f32, f16 and q8_0")
    }
    return (row, number)
  }

  private func metadata(_ format: MatrixFormat) -> [(key: String, value: GGUFValue)] {
    let model = configuration
    func size(_ value: Int) -> GGUFValue { .integer(Int64(value)) }
    return [
      ("general.architecture", .string("llama")),
      ("general.file_type", .integer(format.fileType)),
      ("general.quantization_version", .integer(2)),
      ("llama.vocab_size", size(model.vocabulary)),
      ("llama.context_length", size(model.contextLength)),
      ("llama.embedding_length", size(model.hidden)),
      ("llama.block_count", size(model.layers)),
      ("llama.feed_forward_length", size(model.intermediate)),
      ("llama.attention.head_count", size(model.queryHeads)),
      ("llama.attention.head_count_kv", size(model.keyHeads)),
      ("llama.attention.key_length", size(model.headDimension)),
      ("llama.attention.value_length", size(model.headDimension)),
      ("llama.attention.layer_norm_rms_epsilon", .float(Double(model.normEpsilon))),
      ("llama.rope.dimension_count", size(model.headDimension)),
      ("llama.rope.freq_base", .float(model.rope.theta)),
    ] + vocabulary.metadata(bos: model.bosToken, eos: model.eosTokens.first)
  }
}

extension FloatTensor {
  /// The rows of each head in GGUF's order, where the two elements of a rotated pair are
  /// neighbours: row `i` of the first half, then row `i` of the second half.
  func interleaved(heads: Int) -> [Float] {
    guard let rows = shape.first, let columns = shape.last else { return values }
    let half = rows / heads / 2
    var turned: [Float] = []
    turned.reserveCapacity(values.count)
    for head in 0..<heads {
      for pair in 0..<half {
        for part in 0..<2 {
          let row = (head * 2 + part) * half + pair
          turned += values[row * columns..<(row + 1) * columns]
        }
      }
    }
    return turned
  }
}
