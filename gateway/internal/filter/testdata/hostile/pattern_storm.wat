;; Defines ever new pattern sets, of nonsense.
;; expect: deadline
(module
  (import "weir1" "match_define" (func $define (param i64 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "weir_abi_1"))
  (data (i32.const 0) "\40\00\00\00\01\00\00\00")
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (drop (call $define (i64.const 0) (local.get $n) (i32.const 0) (i32.const 65536)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $l))
    (i32.const 0))
)
