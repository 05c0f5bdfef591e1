package evaluation

// SetChunk makes sorters spill after so many records, until the returned function is called.
func SetChunk(n int) (restore func()) {
	before := chunkRecords
	chunkRecords = n
	return func() { chunkRecords = before }
}
