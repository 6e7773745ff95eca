import type { PageReader } from './ocr/page.ts'
import type { WorkerAnswer, WorkerTask } from './worker.ts'

// The reader of pictures as a process of its own: pictures come from strangers, and decoders of pictures have had holes.
// It has no environment, no database and no keys, may write no file and start nothing, and reads one picture at a time.

const answer = (message: WorkerAnswer): void => void process.send!(message)
const rss = (): number => process.memoryUsage.rss()

const [threads = 1] = process.argv.slice(2).map(Number)
let reader: PageReader
try {
  const { openPageReader } = await import('./ocr/page.ts')
  reader = await openPageReader(threads)
} catch (error) {
  answer({ kind: 'broken', why: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
process.on('message', async ({ bytes, pixelsMax, codePrefix }: WorkerTask) => {
  try {
    const page = await reader.read(Buffer.from(bytes), { pixelsMax, codePrefix })
    answer({ kind: 'page', page, rss: rss() })
  } catch {
    answer({ kind: 'unreadable', rss: rss() })
  }
})
process.on('disconnect', () => process.exit(0))
answer({ kind: 'ready' })
