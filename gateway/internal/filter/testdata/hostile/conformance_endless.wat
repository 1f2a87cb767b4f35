;; Hangs at a stage it does not know.
;; expect: load: the conformance call: stopped at its deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 0))
)
