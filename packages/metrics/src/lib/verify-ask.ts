/** How an address is asked, beside the question. */
export interface Asking {
  /** Milliseconds, until the last byte. */
  readonly timeout: number
  /** The header of this name: a secret, for this address alone. */
  readonly authorization?: string | undefined
  readonly accept?: string
}

const MOST_MB = 64

/** What an address answers, if it does so well, in time, and with no more than 64 MB. */
export async function ask(url: string, { timeout, authorization, accept = '*/*' }: Asking): Promise<string> {
  const response = await fetch(url, {
    headers: { accept, ...(authorization !== undefined && { authorization }) },
    signal: AbortSignal.timeout(timeout),
  })
  if (!response.ok) {
    await response.body?.cancel()
    const remedy = response.status === 401 ? ': give its token by a file' : ''
    throw new Error(`answers ${response.status}${remedy}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MOST_MB * 2 ** 20) throw new Error(`answers with more than ${MOST_MB} MB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** The same, of what should be JSON. */
export async function askJson(url: string, asking: Asking): Promise<unknown> {
  const text = await ask(url, asking)
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('answers something that is no JSON')
  }
}
