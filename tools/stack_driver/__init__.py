"""A stack driven from outside: started, sent photographs, waited for. For tests and benchmarks."""
