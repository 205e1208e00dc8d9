import Foundation
public import ReferenceModel

/// The small model that comes with the program: it knows the language of `MiniTasks` and no other.
///
/// Its weights are a literal (`Weights.swift`, written by `Scripts/bundle_model.py`), so the
/// program needs no other file, wherever it is copied.
public enum BundledModel {
  /// The name of the model in reports and on command lines.
  public static let name = "bundled"

  /// The model, decoded at the first call.
  ///
  /// - Throws: `ModelError` for weights that were damaged by hand.
  public static func open() throws(ModelError) -> ModelFiles { try opened.get() }

  private static let opened = Result { () throws(ModelError) in
    try ModelFiles.open(gguf: bytes(), name: name)
  }

  /// The GGUF file.
  static func bytes() throws(ModelError) -> [UInt8] {
    // The buffer is the literal itself, which is ASCII and static; `Data` copies it.
    let text = weights.withUTF8Buffer { unsafe Data($0) }
    guard let bytes = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
      throw .malformed(
        file: name, reason: "it is not in base 64; write it with Scripts/bundle_model.py")
    }
    return Array(bytes)
  }
}
