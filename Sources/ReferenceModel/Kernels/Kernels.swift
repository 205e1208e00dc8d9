/// The numeric kernels of the reference model, by folder: vectors, attention, products, threads,
/// memory.
///
/// Every kernel has a plain loop of the same name in `PlainKernels`, which defines its meaning.
/// Results are bit-identical for every number of threads: one thread computes each output, in an
/// order that does not depend on how the work was divided.
package enum Kernels {}
