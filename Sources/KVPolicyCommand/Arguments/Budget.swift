/// Rows per lane that policies are given.
struct RowBudget: Equatable {
  /// The rows.
  let rows: Int
  /// Where they come from, to follow an error; empty if the command line says it as it is.
  var origin = ""
}
