package view

import "go.mongodb.org/mongo-driver/v2/mongo"

// Database is a database of the connection, for what is kept beside FiftyOne's own collections.
func (s *Source) Database(name string) *mongo.Database { return s.client.Database(name) }
