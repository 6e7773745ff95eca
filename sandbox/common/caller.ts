import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { makeSecret, readJson, writeJson } from './keys.ts'

/** What a customer of a shared-secret stand-in gets; stored as `<name>.json`. */
export interface CallerFile {
  clientId: string
  secret: string
  baseUrl: string
}

/** Reads `<name>.json`, making client id and secret on the first start. */
export function ensureCaller(dir: string, name: string): CallerFile {
  return (
    readJson<CallerFile>(join(dir, `${name}.json`)) ?? {
      clientId: `${name}-${randomBytes(4).toString('hex')}`,
      secret: makeSecret(43),
      baseUrl: '',
    }
  )
}

export const storeCaller = (dir: string, name: string, caller: CallerFile, baseUrl: string): void =>
  writeJson(join(dir, `${name}.json`), { ...caller, baseUrl })
