import Foundation
import KVPolicyKit
import Testing

/// Documents with a few bytes replaced, removed or doubled, from a fixed seed.
///
/// Foundation's parser is the second opinion. It is known to accept more; see `isOurs`.
@Suite("JSON text that was changed at random")
struct JSONMutationTests {
  private static let documents = [
    #"{"policy": "snapkv", "capacity": 256, "layers": {"0-1": {"policy": "full"}}}"#,
    #"[0, -1.5e+3, 9007199254740993, "\u00e9\n\ud83d\ude00", true, false, null, []]"#,
    #"{"a": [1, {"b": [2.5, {"c": "text \" with \\ quotes"}]}], "é": "€𝄞"}"#,
  ]
  /// Bytes that documents are changed with.
  private static let material =
    Array("{}[]:,\"\\ue+-.0129tfnax/# \n\t".utf8) + [0x00, 0x80, 0xC3, 0xFF]

  private static func mutant(_ seed: UInt64) -> [UInt8] {
    var dice = SplitMix64(seed: seed)
    var bytes = Array(documents[Int(dice.next() % UInt64(documents.count))].utf8)
    for _ in 0...dice.next() % 3 {
      let place = Int(dice.next() % UInt64(bytes.count))
      let byte = material[Int(dice.next() % UInt64(material.count))]
      switch dice.next() % 4 {
      case 0: bytes[place] = byte
      case 1: bytes.insert(byte, at: place)
      case 2: bytes.insert(bytes[place], at: place)
      default: bytes.remove(at: place)
      }
    }
    return bytes
  }

  /// Whether only this project refuses a text for this reason: Foundation takes the first of equal
  /// keys, and allows a comma after the last value.
  private static func isOurs(_ error: JSONError) -> Bool {
    error.reason.contains("appears twice") || error.reason.contains("no comma may follow")
  }

  @Test("is accepted and refused as Foundation does, but for two known differences")
  func agreement() throws {
    var (accepted, refused, ours) = (0, 0, 0)
    for seed in UInt64(0)..<20_000 {
      let bytes = Self.mutant(seed)
      let text = String(decoding: bytes, as: UTF8.self)
      let object = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      do throws(JSONError) {
        let value = try JSONValue.parse(bytes)
        #expect(object != nil, "only we accept \(text)")
        #expect((try? JSONValue.parse(value.text)) == value, "\(text)")
        accepted += 1
      } catch {
        if object != nil, Self.isOurs(error) { ours += 1 } else { refused += 1 }
        #expect(object == nil || Self.isOurs(error), "only we refuse \(text): \(error)")
        #expect(error.line >= 1 && error.column >= 1 && error.column <= bytes.count + 1)
      }
    }
    #expect(accepted > 2000 && refused > 2000, "\(accepted), \(refused), \(ours)")
  }
}
