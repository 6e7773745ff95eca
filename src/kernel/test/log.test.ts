import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../log.ts'

/** Lines of a log that was asked to say all this. */
function linesOf(say: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = []
  say(createLog('trace', { write: line => lines.push(line) }))
  return lines
}

const PERSONAL = {
  phone: '13812345678',
  idNumber: '11010519491231002X',
  card: '6222021234567890123',
  token: '0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjk',
  code: '0123456789abcdefghjkmnpqrs',
}

test('nothing that looks like a number of a person, a token or a code stands in a log, wherever it was put', () => {
  for (const [what, value] of Object.entries(PERSONAL)) {
    const places: ((log: ReturnType<typeof createLog>) => void)[] = [
      log => log.info(`said ${value}, `),
      log => log.info({ detail: value, deep: { list: [`x=${value}`, { more: `\n${value}` }] } }, 'given'),
      log => log.error({ err: new Error(`cannot keep ${value}`) }, 'failed'),
      log => log.error(new Error(`cannot keep\t${value}`)),
      log => log.warn({ err: Object.assign(new Error('no'), { detail: `Key (phone)=(${value}) exists`, parameters: [value] }) }, 'failed'),
      log => log.child({ of: value }).info('bound'),
      log => log.info({ n: Number.parseInt(value, 10) || 0 }, 'as a number'),
    ]
    for (const [i, place] of places.entries()) {
      const [line = '', ...more] = linesOf(place)
      assert.equal(more.length, 0)
      assert.doesNotThrow(() => JSON.parse(line), `${what} ${i}: ${line}`)
      assert.ok(!line.includes(value), `${what} ${i}: ${line}`)
    }
  }
})

test('an error says what it was: kind, message, SQLSTATE and place, but not the text that was sent or the row', () => {
  const thrown = Object.assign(new Error('invalid input syntax for type uuid: "王小明"'), {
    code: '22P02',
    detail: 'row (王小明)',
    table: 'bill',
  })
  const [line = ''] = linesOf(log => log.error({ err: thrown }, 'request failed'))
  const { err } = JSON.parse(line)
  assert.deepEqual([err.type, err.sqlstate, err.table, err.message], ['Error', '22P02', 'bill', 'invalid input syntax for type uuid: "…"'])
  assert.match(err.stack, /log\.test\.ts/)
  assert.ok(!line.includes('王小明'))
})

test('text with line ends makes no line of its own', () => {
  const lines = linesOf(log => log.info({ given: 'a\r\n{"level":"error","msg":"forged"}\u001b[2J' }, 'b\n{"level":"error"}'))
  assert.equal(lines.length, 1)
  assert.equal(lines[0]!.trimEnd().split(/[\n\r\u001b\u2028]/).length, 1)
  assert.equal(JSON.parse(lines[0]!).level, 'info')
})

test('numbers of ours pass: ids, order numbers, amounts, times', () => {
  const given = {
    id: '01a20599-7fb5-7168-b3c8-5fa9aa2192c7',
    amount_fen: 13_195,
    txn: '4200002026112212345678901234',
    at: 1_780_000_000_000,
  }
  const { level: _, time: __, msg: ___, ...kept } = JSON.parse(linesOf(log => log.info(given, 'paid'))[0]!)
  assert.deepEqual(kept, given)
})
