declare module 'yazl' {
  /** As much of yazl as the export uses; the package brings no types. */
  export class ZipFile {
    readonly outputStream: NodeJS.ReadableStream
    addBuffer(buffer: Buffer, path: string, options?: { readonly mtime?: Date }): void
    addReadStreamLazy(
      path: string,
      options: { readonly mtime?: Date },
      open: (done: (error: Error | null, stream?: NodeJS.ReadableStream) => void) => void,
    ): void
    end(): void
    on(event: 'error', listener: (error: Error) => void): this
  }
}
