;; Asks for all there could be.
;; expect: ok
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (if (i32.ne (memory.grow (i32.const 65535)) (i32.const -1)) (then (unreachable)))
    (if (i32.ne (memory.grow (i32.const -1)) (i32.const -1)) (then (unreachable)))
    (i32.const 0))
)
