;; Fills of the whole memory, each one instruction.
;; expect: deadline
(module
  (memory (export "memory") 1024)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864)) (br $l))
    (i32.const 0))
)
