;; An index far outside of a br_table, whose default is a loop with a parameter.
;; expect: deadline
(module
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (i32.const 0)
    (loop $a (param i32) (result i32)
      (block $x (param i32) (result i32)
        (br_table $x $x $x $a (i32.const 0xffffffff))))
    (drop)
    (i32.const 0))
)
