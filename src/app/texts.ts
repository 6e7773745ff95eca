import type { Lang } from '#kernel/context.ts'
import type { AppError } from '#kernel/result.ts'
import { identityMessagesEn, identityMessagesZh } from '#modules/identity/index.ts'
import { tasksMessagesEn, tasksMessagesZh } from '#modules/tasks/index.ts'

const texts: Readonly<Record<Lang, Readonly<Record<string, string>>>> = {
  'zh-CN': { ...identityMessagesZh, ...tasksMessagesZh },
  en: { ...identityMessagesEn, ...tasksMessagesEn },
}

/** Words for a person who meets an error code of the API; undefined where the code speaks for itself to a program. */
export const describe = (error: AppError, lang: Lang): string | undefined =>
  texts[lang][error.code]?.replace(/\{(\w+)\}/g, (_, name: string) => String(error.params?.[name] ?? ''))
