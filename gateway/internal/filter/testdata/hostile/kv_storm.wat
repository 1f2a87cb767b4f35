;; Writes ever new keys of the largest size to an imagined store.
;; asks: kv
;; grants: kv
;; expect: deadline
(module
  (import "weir1" "kv_set" (func $set (param i32 i32 i32 i32 i64) (result i32)))
  (import "weir1" "kv_batch" (func $batch (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "weir_abi_1"))
  (func (export "weir_hook") (param $stage i32) (param $len i32) (result i32) (local $n i32)
    (if (i32.eqz (local.get $stage)) (then (return (i32.const 0)))) ;; the conformance call
    (loop $l
      (drop (call $set (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 65536) (i64.const 0)))
      (drop (call $batch (i32.const 0) (i32.const 65536)))
      (br $l))
    (i32.const 0))
)
