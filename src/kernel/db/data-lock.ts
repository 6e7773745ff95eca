import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** When the process began, in clock ticks after boot: tells a living holder from another process that got its number. */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

export class DataInUse extends Error {}

/** One product per data folder. Returns the function that lets go. A lock left by a killed process is taken over. */
export function lockData(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true })
  const path = join(dataDir, 'running.pid')
  for (let tries = 0; tries < 3; tries++) {
    try {
      const file = openSync(path, 'wx', 0o600)
      writeSync(file, `${process.pid} ${startedAt(process.pid) ?? ''}\n`)
      closeSync(file)
      return () => rmSync(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const [pid, began] = existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ') : []
      if (pid && isHolder(Number(pid), began)) {
        throw new DataInUse(`Yimen is already running on ${dataDir} (process ${pid}). Stop it first, or set YIMEN_DATA to another folder.`)
      }
      rmSync(path, { force: true })
    }
  }
  throw new DataInUse(`could not take ${path}; another start is under way`)
}

function isHolder(pid: number, began: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = startedAt(pid)
  return now === undefined || !began || now === began
}
