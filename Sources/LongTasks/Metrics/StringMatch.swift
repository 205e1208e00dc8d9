/// Texts that occur in a response, in any case.
enum StringMatch {
  /// The share of the references that occur; 0 without references.
  static func share(of references: [String], in response: String) -> Double {
    guard !references.isEmpty else { return 0 }
    let response = response.lowercased()
    let hits = references.count { response.hasBytes($0.lowercased()) }
    return Double(hits) / Double(references.count)
  }

  /// Whether any reference occurs.
  static func any(of references: [String], in response: String) -> Bool {
    share(of: references, in: response) > 0
  }
}
