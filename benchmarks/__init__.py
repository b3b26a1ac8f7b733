"""How fast this machine trains isotropic networks: `make bench`. What is compared is interleaved in one run.

plan                        what is measured: networks, sizes, how often
plain_loop, lockstep        what is compared: a loop as users write it, the engine
resident, jax_loop          and other ways to train, with their images in memory
images, bench, workers      the data and the processes
interleaved                 the timing
speed, peers, epochs, memory, throughput, precision, parallel
                            the tables, each a function of a Bench; a new one joins TABLES in __main__
"""
