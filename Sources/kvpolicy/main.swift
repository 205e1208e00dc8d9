print("kvpolicy")
