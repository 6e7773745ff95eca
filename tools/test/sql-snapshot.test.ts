import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statementsOf } from '../sql-snapshot.ts'

test('a statement is shown under its function, values as $n, whatever stands before it', () => {
  const code = `// 一门 first, so that bytes and characters differ\nimport { sql } from 'x'\nexport const findIt = (tx: T, id: string) =>\n  tx.maybe<R>(sql\`\n    select a\n      from b where id = \${id} and c = \${f(id)}\`)\n`
  assert.deepEqual(statementsOf(code), [{ name: 'findIt', text: 'select a\n  from b where id = $1 and c = $2' }])
})

test('fragments keep their name and statements to be prepared their own numbers', () => {
  const code =
    'const rows = 1\nasync function add(tx) {\n  await tx.run(sql`insert into t values ${join(rows)}`)\n}\nconst HOT = `select 1 where x = $1`\nconst other = `no statement`\n'
  assert.deepEqual(statementsOf(code), [
    { name: 'add', text: 'insert into t values {join(rows)}' },
    { name: 'HOT', text: 'select 1 where x = $1' },
  ])
})

test('a second file is read as the first: positions do not run on', () => {
  const code = 'const a = (x: number) => sql`select ${x}, ${join(x)}`'
  assert.deepEqual(
    [statementsOf(code), statementsOf(code)].map(list => list[0]!.text),
    ['select $1, {join(x)}', 'select $1, {join(x)}'],
  )
})
