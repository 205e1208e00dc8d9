/// The numeric kernels of the reference model, in rooms: vectors, attention, products, threads, memory.
///
/// Every kernel has a plain loop of the same name in `PlainKernels`, which is its meaning. Results
/// are bit-identical for every number of threads: each output is computed by one thread, in an
/// order that does not depend on how the work was shared out.
package enum Kernels {}
