;; Counts under ever new names: 64 are kept.
;; expect: deadline
(module
  (import "weir1" "metric_add" (func $add (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const 0) "aaaaaaaa")
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (i32.store8 (i32.rem_u (local.get $n) (i32.const 8)) (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (drop (call $add (i32.const 0) (i32.const 8) (i64.const 1)))
      (br $l))
    (i32.const 0))
)
