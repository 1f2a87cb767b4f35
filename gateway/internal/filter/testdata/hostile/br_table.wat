;; Three loops, and a br_table that goes on with one of them in turn.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $a (loop $b (loop $c
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_table $a $b $c (i32.rem_u (local.get $n) (i32.const 3))))))
    (i32.const 0))
)
