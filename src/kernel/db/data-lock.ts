import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ConfigError } from '../config.ts'

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

/** Step by step: made in one go, a folder below /proc would be tried for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // A second start may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Makes the data folder, or throws ConfigError that says why it cannot be used. */
export function ensureDataDir(dataDir: string): void {
  try {
    makeFolder(dataDir)
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    if (!statSync(dataDir).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    throw new ConfigError(
      `YIMEN_DATA：数据文件夹 ${dataDir} 无法写入（${code}），请改权限或换一个文件夹。 / ` +
        `YIMEN_DATA: the data folder ${dataDir} cannot be written (${code}): change its permissions or name another folder.`,
    )
  }
}

/** One product per data folder. Returns the function that lets go. A lock left by a killed process is taken over. */
export function lockData(dataDir: string): () => void {
  ensureDataDir(dataDir)
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
        throw new DataInUse(
          `一门已经在使用 ${dataDir} 运行（进程 ${pid}）。请先停止它，或把 YIMEN_DATA 设为另一个文件夹。 / ` +
            `Yimen is already running on ${dataDir} (process ${pid}). Stop it first, or set YIMEN_DATA to another folder.`,
        )
      }
      rmSync(path, { force: true })
    }
  }
  throw new DataInUse(
    `无法占用 ${path}：另一次启动正在进行，请稍后再试。 / ${path} cannot be taken: another start is under way, try again in a moment.`,
  )
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
