import ReferenceModel
import Testing

/// A small generator (SplitMix64), so that every run tries the same files.
private struct Dice {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func roll(_ limit: Int) -> Int { Int(next() % UInt64(max(1, limit))) }

  /// Changes `bytes` in one to four places, most of them in the first `header` bytes.
  mutating func mutate(_ bytes: inout [UInt8], header: Int) {
    for _ in 0...roll(4) where !bytes.isEmpty {
      let place = roll(roll(8) == 0 ? bytes.count : min(header, bytes.count))
      switch roll(7) {
      case 0: bytes[place] ^= 1 << UInt8(roll(8))
      case 1: bytes[place] = UInt8(roll(256))
      case 2: bytes[place] = 0xFF
      case 3: bytes[place] = 0
      case 4: bytes.removeLast(bytes.count - place)
      case 5: bytes.insert(contentsOf: bytes[place...].prefix(roll(16)), at: place)
      default: bytes.removeSubrange(place..<min(bytes.count, place + roll(16)))
      }
    }
  }
}

@Suite("Randomly damaged model files")
struct WeightFuzzTests {
  /// Damages `original` `rounds` times, and reads all tensors of every model that still opens.
  /// Returns how many models opened.
  private func damage(
    _ original: [UInt8], named name: String, in folder: String, model path: String,
    header: Int, rounds: Int, seed: UInt64
  ) throws -> Int {
    var dice = Dice(state: seed)
    var opened = 0
    for _ in 0..<rounds {
      var bytes = original
      dice.mutate(&bytes, header: header)
      try writeFile(bytes, to: "\(folder)/\(name)")
      guard let model = try? ModelFiles.open(path) else { continue }
      opened += 1
      try? model.checkFinite()
      for (_, matrix) in matrices(model.weights) {
        #expect(dequantised(matrix).count == matrix.rows * matrix.columns)
      }
    }
    return opened
  }

  @Test("a GGUF file opens or is refused", arguments: [TensorType.q4_0, .f16])
  func damagedGGUF(_ type: TensorType) throws {
    let tiny = TinyGGUF(type)
    let whole = tiny.bytes
    let header = whole.count - tiny.tensors.map(\.data.count).reduce(0, +)
    let rounds = 1500
    let opened = try withTemporaryFolder { folder in
      try damage(
        whole, named: "a.gguf", in: folder, model: folder + "/a.gguf", header: header,
        rounds: rounds, seed: 1)
    }
    // Both outcomes must occur; otherwise the damage tests nothing.
    #expect(opened > 0 && opened < rounds)
  }

  @Test(
    "a Hugging Face folder opens or is refused",
    arguments: [
      "config.json", "model.safetensors", "model-1.safetensors", "model.safetensors.index.json",
    ])
  func damagedFolder(_ name: String) throws {
    var tiny = TinyFolder(dtype: "BF16")
    if name != "config.json" && name != "model.safetensors" { tiny.shard() }
    let file = (tiny.shards[name] ?? tiny.weights)
    let originals = [
      "config.json": Array(tiny.configurationText.utf8), "model.safetensors": file.bytes,
      "model-1.safetensors": file.bytes,
      "model.safetensors.index.json": Array((tiny.index ?? "").utf8),
    ]
    let original = try #require(originals[name])
    let data = name.hasSuffix(".json") ? 0 : file.tensors.map(\.data.count).reduce(0, +)
    let rounds = 800
    let opened = try withTemporaryFolder { folder in
      try tiny.write(to: folder)
      return try damage(
        original, named: name, in: folder, model: folder, header: original.count - data,
        rounds: rounds, seed: 2)
    }
    #expect(opened > 0 && opened < rounds)
  }
}
