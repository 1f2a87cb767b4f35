;; A segment far outside of the memory.
;; expect: load: out of bounds memory access
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const -16) "0123456789abcdef")
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call

    (i32.const 0))
)
