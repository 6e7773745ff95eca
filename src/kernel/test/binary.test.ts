import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bigintArray, byteaArray, textArray, timestampArray, uuidArray } from '../db/binary.ts'
import { withTestDb } from '../db/testing.ts'

const orNull = <T>(values: fc.Arbitrary<T>) => fc.array(fc.option(values), { maxLength: 9 })

test('the server reads every array as it was meant, nulls and empty ones included', () =>
  withTestDb(async kernel => {
    const back = async (type: string, array: Buffer) =>
      (await kernel.db.pool.query(`select $1::${type}[] as values`, [array])).rows[0].values as unknown[]
    const instants = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    const texts = fc.string({ unit: 'grapheme' }).filter(text => !text.includes('\0') && text.isWellFormed())
    await fc.assert(
      fc.asyncProperty(
        orNull(fc.uuid()),
        orNull(fc.maxSafeInteger()),
        orNull(instants),
        orNull(texts),
        orNull(fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes))),
        async (uuids, bigints, dates, strings, buffers) => {
          assert.deepEqual(await back('uuid', uuidArray(uuids)), uuids)
          assert.deepEqual(
            (await back('bigint', bigintArray(bigints))).map(value => value && Number(value)),
            bigints.map(value => value && Number(value)),
          )
          assert.deepEqual(await back('timestamptz', timestampArray(dates)), dates)
          assert.deepEqual(await back('text', textArray(strings)), strings)
          assert.deepEqual(await back('bytea', byteaArray(buffers)), buffers)
        },
      ),
      { numRuns: 60 },
    )
  }))

test('what is no uuid and what is no exact number is refused before it is sent', () => {
  for (const text of ['', '0198c0de', '0198c0de-0000-7000-8000-00000000000g', '0198c0de-0000-7000-8000-0000000000000'])
    assert.throws(() => uuidArray([text]), /not a uuid/)
  for (const value of [0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => bigintArray([value]), /not a safe integer/)
  assert.throws(() => timestampArray([new Date('never')]), RangeError)
})
