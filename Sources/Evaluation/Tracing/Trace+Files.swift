import Foundation
import KVPolicyKit
import ReferenceModel

/// The trace as JSON and safetensors files.
extension Trace {
  /// The trace as JSON:
  ///
  /// ```json
  /// {"configuration": {"policy": "tova", "capacity": 32}, "promptLength": 40, "steps": 2,
  ///  "kept": {"0": [[[0, 1], [0, 1]]], "1": …, "2": …},
  ///  "statistics": {"tokens": 42, "rowsLive": 64, …}}
  /// ```
  ///
  /// `kept[s][layer][head]` are ascending original positions; `statistics` has the properties of
  /// `CacheStatistics`. If a layer has a reader, `read[s][layer]` are the positions that step s read
  /// by key head or, where query heads read rows of their own, by query head; null for a layer that
  /// read everything. If a policy forgets after chunks of the prompt, the states after the chunks
  /// come first, under `"chunk1"`, `"chunk2"`…
  public func json(configuration: PolicyConfiguration) -> String {
    let text = TraceText(configuration: configuration, promptLength: promptLength, steps: steps)
    let states =
      keptAfterChunks.enumerated().flatMap { text.state($1, chunk: $0 + 1) }
      + kept.enumerated().flatMap { text.state($1, step: $0, follows: !keptAfterChunks.isEmpty) }
    let reads = read.enumerated().flatMap { text.read($1, step: $0 + 1) }
    return text.head + String(decoding: states, as: UTF8.self)
      + String(decoding: text.middle(reads), as: UTF8.self) + text.tail(statistics)
  }

  /// The vocabulary logits as a safetensors file with one float32 tensor `logits`, `rows ×
  /// vocabulary`.
  public var safetensors: [UInt8] {
    let shape = [logits.count / max(1, vocabulary), vocabulary]
    return SafetensorsFile.bytes(of: [FloatTensor("logits", shape: shape, values: logits)])
  }
}

/// The parts of a trace's JSON, in their order, for a file that is written while the run goes on.
package struct TraceText {
  private let configuration: PolicyConfiguration
  private let promptLength: Int
  private let steps: Int

  /// The parts of a run's JSON.
  package init(configuration: PolicyConfiguration, promptLength: Int, steps: Int) {
    (self.configuration, self.promptLength, self.steps) = (configuration, promptLength, steps)
  }

  // Written by hand, because `kept` is most of the file and holds only numbers.

  /// The beginning, before the first state.
  package var head: String {
    """
    {
      "configuration": \(configuration.value.text),
      "promptLength": \(promptLength),
      "steps": \(steps),
      "kept": {

    """
  }

  /// The positions that every lane holds at a step; the steps follow one another from 0.
  ///
  /// - Parameter follows: whether states after chunks come before step 0.
  package func state(_ layers: [[[Int]]], step: Int, follows: Bool = false) -> [UInt8] {
    state(layers, named: "\(step)", isFirst: step == 0 && !follows)
  }

  /// The positions that every lane holds after a chunk; chunks are numbered from 1.
  package func state(_ layers: [[[Int]]], chunk: Int) -> [UInt8] {
    state(layers, named: "chunk\(chunk)", isFirst: chunk == 1)
  }

  /// Bytes, because these are most of a long trace, and texts of each number would take most of the
  /// time.
  private func state(_ layers: [[[Int]]], named name: String, isFirst: Bool) -> [UInt8] {
    member(layers, named: name, isFirst: isFirst)
  }

  /// What every layer reads in a step; the steps follow one another from 1.
  package func read(_ layers: [[[Int]]?], step: Int) -> [UInt8] {
    member(layers, named: "\(step)", isFirst: step == 1)
  }

  private func member(_ layers: [[[Int]]?], named name: String, isFirst: Bool) -> [UInt8] {
    var bytes = Array("\(isFirst ? "" : ",\n")    \"\(name)\": ".utf8)
    TraceText.append(layers, to: &bytes) { lanes, bytes in
      guard let lanes else { return bytes.append(contentsOf: "null".utf8) }
      TraceText.append(lanes, to: &bytes) { positions, bytes in
        TraceText.append(positions, to: &bytes) { TraceText.append(digits: $0, to: &$1) }
      }
    }
    return bytes
  }

  /// What comes between the last state and the end: the texts of all that was read; nothing if no
  /// layer has a reader.
  package func middle(_ reads: [UInt8]) -> [UInt8] {
    reads.isEmpty ? [] : Array("\n  },\n  \"read\": {\n".utf8) + reads
  }

  private static func append<Value>(
    _ list: [Value], to bytes: inout [UInt8], _ each: (Value, inout [UInt8]) -> Void
  ) {
    bytes.append(UInt8(ascii: "["))
    for (index, value) in list.enumerated() {
      if index > 0 { bytes += [UInt8(ascii: ","), UInt8(ascii: " ")] }
      each(value, &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// Appends a number of 0 or more.
  private static func append(digits number: Int, to bytes: inout [UInt8]) {
    var power = 1
    while number / power >= 10 { power *= 10 }
    while power > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(number / power % 10))
      power /= 10
    }
  }

  /// The end, after the last state.
  package func tail(_ statistics: CacheStatistics) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let numbers = (try? encoder.encode(statistics)).map { String(decoding: $0, as: UTF8.self) }
    return """

        },
        "statistics": \(numbers ?? "null")
      }

      """
  }
}
