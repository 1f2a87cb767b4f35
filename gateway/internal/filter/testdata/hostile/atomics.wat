;; An atomic instruction on a memory that is not shared.
;; flags: --enable-threads
;; expect: load: opcode 0xfe
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
    (i32.const 0))
)
