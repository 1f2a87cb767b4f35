;; Grows as far as it may, and asks for more for ever.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l (drop (memory.grow (i32.const 1))) (br $l))
    (i32.const 0))
)
