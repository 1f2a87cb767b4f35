;; Fills all it can get, and dies of it: nothing of that may stay.
;; expect: memory
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $g (br_if $g (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))
    (unreachable)
    (i32.const 0))
)
